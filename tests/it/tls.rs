//! sslmode, sslrootcert and client certificates as libpq means them.
