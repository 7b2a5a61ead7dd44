"""LLM work: prompt files, parsers, engines and the checks of what they wrote."""
