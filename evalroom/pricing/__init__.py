"""The price kernel: formulas as data, run exactly, with every intermediate on record.

`formula` is the language, `reading` its strict reader, `checking` refuses what cannot be run and samples that
do not come out, `running` is the pipeline, `trace` what it leaves behind, `presets` the usual formulas.  Nothing
here knows of sessions, lots or money's owners.  Written down in docs/spec/price-formula.md.
"""
