"""The specification of wxgate, as sentences that run; the folders mirror the code."""
