"""The bundled trainer: takes Parquet text and a checkpoint, and anneals it.

Needs torch, pyarrow, tokenizers, safetensors and numpy, and nothing of the rest of the project, because machines with
GPUs differ.
"""
