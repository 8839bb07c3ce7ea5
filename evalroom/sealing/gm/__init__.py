"""Suite 0x11: SM2, SM3 and SM4 for sealed bids, on the libraries of the machine.  Not a certified product (密评)."""
