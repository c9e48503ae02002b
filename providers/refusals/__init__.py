"""How each cloud says no: four tables side by side, of one form.

A code means a `RefusalReason` (the cloud's true "no") or a `FaultKind` (anything else). What only
the text of a message tells is a rule beside the table. A code that stands in no table is
`UNKNOWN_CODE`, never a refusal: a guess would release a right that still holds.
"""
