"""No functions, unlike torch.nn.functional: importing this says what to write instead."""

from plaingrad.nn.absent import ABSENT

raise ImportError(f"plaingrad.nn has no 'functional': {ABSENT['functional']}")
