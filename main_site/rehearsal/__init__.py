"""A session without people: synthetic seats that speak the same protocol as a browser, and a director.

For the demonstration, tests and drills.  Nothing here is known to the product's other parts, and what a
synthetic seat does goes through the same door, the same signatures and the same journal as a person's acts.
"""
