"""Tests of the printed report: words, layout, fonts, typesetting, signatures."""
