"""What there is, by name: kinds of streams, corpora, features, models, methods of adaptation, faults.

Names and data only, and looking them up: nothing here computes what a file holds, since a change here makes no file
anew (:mod:`affectssm.store.code`). What decides values lies in the stage's room or reaches it as a setting.
"""
