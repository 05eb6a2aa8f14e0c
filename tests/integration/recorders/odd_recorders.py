"""Recorders that misbehave, beside ours."""

from sardana.macroserver.scan.recorder import DataRecorder


class RaisesAtStart(DataRecorder):
    """Raises when the scan starts."""

    def __init__(self, *_args, **_options):
        DataRecorder.__init__(self)

    def _startRecordList(self, recordlist):
        raise OSError("this recorder cannot start")


class RaisesAtEnd(DataRecorder):
    """Raises when the scan ends."""

    def __init__(self, *_args, **_options):
        DataRecorder.__init__(self)

    def _endRecordList(self, recordlist):
        raise OSError("this recorder cannot end")
