"""Downloads of bars that may be killed at any moment: no bar lost, none doubled.

schedule ─ planner ─ pieces ─ run (asks, paces, pauses) ─ store (a file a piece) ─ ledger (a line a piece)
                                                            └ a year whole: one data file ─ ledger

disk.py     the only way to the disk: whole files or none, lines that are there or not
planner.py  sessions, the pieces still to be fetched, how large they may be
ledger.py   what has happened in a folder, one line each; what follows from the lines
store.py    pieces and years as files, in Parquet or CSV
asking.py   what is asked of the history process, and what its answers prove
job.py      how far one instrument is
years.py    a year's pieces put into its data file
agreement.py   what a folder holds, and whether what is wanted now goes with it
adjustment.py  whether the gateway has changed its past between two answers
run.py      the download itself
verify.py   what is there against what should be; needs no cluster
progress.py what a person sees meanwhile

The ledger is the truth: a file that it does not name does not count, a file that it names and that is not as
it says is fetched again. A line is written only after the file it names is safe on the disk, with one
exception: a year's line comes before its file is renamed, and names the file before too, so that whichever of
the two is there is known.
"""
