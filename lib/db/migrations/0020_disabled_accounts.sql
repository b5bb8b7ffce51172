-- An operator may shut an account out without deleting anything of it: nobody can sign in to it.
ALTER TABLE users ADD COLUMN disabled_at timestamptz;
