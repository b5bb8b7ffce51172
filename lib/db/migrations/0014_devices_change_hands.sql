-- A device's row gets another id when its token is registered by somebody else; messages for the former owner go with the
-- row, and are dropped by whoever sends (they are of another person's than the device).
ALTER TABLE pushes
	DROP CONSTRAINT pushes_device_id_fkey,
	ADD CONSTRAINT pushes_device_id_fkey FOREIGN KEY (device_id) REFERENCES devices ON UPDATE CASCADE ON DELETE CASCADE;
