"""Test-time adaptation: methods behind one interface, streams, missing-data masks."""
