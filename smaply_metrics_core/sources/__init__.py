"""Finding, checking, holding and guarding sources: nothing that a plugin does escapes from here."""
