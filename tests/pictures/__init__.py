"""`make pictures`: what a scientist sees in our NeXus files."""
