"""`accel generate --prompts`: a file of prompts becomes a folder of pictures (docs/design/0026-jobs.md).

blocks.py    which pictures are drawn together, and by which shard
drawing.py   draws a block
manifest.py  a line for each picture, in a file for each shard
folder.py    what is there already, what is kept
run.py       from the first block that is missing to the last
"""
