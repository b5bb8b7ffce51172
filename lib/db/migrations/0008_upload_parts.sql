-- Multipart uploads whose parts the client sends by presigned URLs: how long each part but the last is. NULL: uploads in
-- one piece, and those whose client cuts as it likes.
ALTER TABLE uploads ADD COLUMN part_size bigint CHECK (part_size > 0);
