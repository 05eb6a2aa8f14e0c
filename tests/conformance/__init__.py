"""Our NeXus files before NeXus validators: `make nexus-validate`."""
