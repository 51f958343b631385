"""The interfaces: each package translates one technology, and holds no rules of the business."""
