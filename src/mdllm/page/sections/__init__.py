"""What a page shows, one module per section; each makes text, tables and charts from tables alone."""
