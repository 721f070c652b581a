"""Breaks everything while people use it, and judges from outside what they were promised."""
