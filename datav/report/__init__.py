"""Results to text and to JSON, one module a verb.
Nothing here computes, prints or knows where output goes."""
