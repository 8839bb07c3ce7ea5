"""Draws that anyone can recompute: from the declaration and the parties' values to a result that nobody could steer."""
