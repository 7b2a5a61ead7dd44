"""Pure functions, Arrow table in, Arrow table out: the operators of every tier."""
