"""The buyers' own pages: what a call costs, and what a wallet has paid, holds and was given a receipt for."""
