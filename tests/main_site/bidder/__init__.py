"""Tests of main_site.bidder."""
