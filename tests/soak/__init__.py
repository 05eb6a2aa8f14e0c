"""Long scanning: memory and threads of a MacroServer with the recorder stay flat."""
