"""What a corpus says about itself: schemas, store, ledger, lineage."""
