"""A hold-out: documented failures that no rule of this project was written from. README.md says how it is used."""
