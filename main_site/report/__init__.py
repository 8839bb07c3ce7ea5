"""The report as people read it: laid out in Chinese or English, set by Typst, signed by pyHanko."""
