"""The one exception for input that a user can mend."""


class InputError(ValueError):
    """Input that the user has to mend: names the file, frame, residue or key, and says what to do.

    Stages print its message without a traceback; every other exception is a defect of ours and keeps its own.
    """
