"""The demo: an invented account with a Qualtrics sandbox behind it."""
