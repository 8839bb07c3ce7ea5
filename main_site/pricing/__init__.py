"""Price formulas on the command line: run one over a file of bids, and explain the calculation step by step."""
