"""Statistics: how sure a result is, of images and of fault campaigns, and how many trials a claim needs."""
