"""How each cloud says no: four tables of one form, `aws.csv` and its three neighbours.

A row says what one code means: a `RefusalReason` (the cloud's true "no") or a `FaultKind`
(anything else), what it means of a spot machine where that differs, how far it reaches, the field
of the account that it is about with what a person is to do, and the source it was read in. `when`
narrows a row to one text. A code that stands in no row is `UNKNOWN_CODE`, never a refusal: a guess
would release a right that still holds.
"""
