"""The bundled annealing trainer."""
