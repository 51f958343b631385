-- Who asked for a Call, by which name in canned.json (a repeat is not sent twice), and who sent it.

ALTER TABLE call ADD COLUMN asked_by TEXT;
ALTER TABLE call ADD COLUMN canned TEXT;
ALTER TABLE call ADD COLUMN worker TEXT;     -- that has sent it

CREATE INDEX call_by_charge_point ON call (charge_point, id);
CREATE INDEX call_by_canned ON call (canned, id) WHERE canned IS NOT NULL;
