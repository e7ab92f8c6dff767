"""The files that configure a test cluster."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

SLURM = """\
ClusterName=trial
SlurmctldHost=localhost
SlurmctldPort={place.controller}
SlurmUser={place.user}
SlurmdUser={place.user}
AuthType=auth/munge
AuthInfo=socket={place.folder}/munge.socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
PropagateResourceLimits=NONE
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill,UsePss
{accounting}
GresTypes=gpu
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
KillWait=5
MinJobAge=300
SchedulerParameters=sched_interval=1,batch_sched_delay=0
StateSaveLocation={place.folder}/state
SlurmdSpoolDir={place.folder}/spool-%n
SlurmctldPidFile={place.folder}/slurmctld.pid
SlurmdPidFile={place.folder}/%n.pid
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
NODE = (
    "NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port}"
    " CPUs={shape.cpus} RealMemory={shape.memory_mb} {gpus} State=UNKNOWN"
)
# AccountingStoragePass is the socket of munge by which the database's daemon is spoken with.
ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={place.dbd}
AccountingStoragePass={place.folder}/munge.socket
"""
DBD = """\
AuthType=auth/munge
AuthInfo=socket={place.folder}/munge.socket
CommunicationParameters=NoInAddrAny
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={place.dbd}
SlurmUser={place.user}
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={place.database}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
PidFile={place.folder}/slurmdbd.pid
"""
# What stands for graphics cards: a card has to be a device.
CARDS = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random"]
DATABASE_USER = "".join(
    f"create user slurm@'{host}' identified by 'slurm'; grant all on slurm.* to slurm@'{host}';"
    for host in ("127.0.0.1", "localhost")
)


@dataclass(frozen=True)
class Place:
    """Where a cluster lives: its folder, whose it is, and the ports of its controller and of the two of accounting."""

    folder: Path
    user: str
    controller: int
    dbd: int
    database: int


@dataclass(frozen=True)
class Shape:
    """What each node has, whatever the machine has. At most four ``gpus``, which nothing can compute on."""

    cpus: int
    memory_mb: int
    gpus: int


def write(place: Place, shape: Shape, nodes: dict[str, int], accounting: bool) -> None:
    """Write all files, a munge key included, and make the folders that they name. ``nodes``: port by name."""
    for name in ("log", "state", "munge"):
        (place.folder / name).mkdir()
    (place.folder / "munge").chmod(0o700)
    key = place.folder / "munge" / "key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    gpus = f"Gres=gpu:{shape.gpus}" if shape.gpus else ""
    rows = [NODE.format(name=name, port=port, shape=shape, gpus=gpus) for name, port in nodes.items()]
    kept = ACCOUNTING.format(place=place) if accounting else "AccountingStorageType=accounting_storage/none"
    (place.folder / "slurm.conf").write_text(
        SLURM.format(place=place, accounting=kept, nodes="\n".join(rows))
    )
    (place.folder / "cgroup.conf").write_text("")  # not the one of another SLURM on this machine
    (place.folder / "gres.conf").write_text(
        "".join(f"Name=gpu File={card}\n" for card in CARDS[: shape.gpus])
    )
    dbd = place.folder / "slurmdbd.conf"
    dbd.touch(mode=0o600)
    dbd.write_text(DBD.format(place=place))
