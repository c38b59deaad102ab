//! What the session's role may certainly read, by owners and by lists of rights as `pg_class` and `pg_namespace` have them
//! (aclitem's form: manual 5.8). What is not certain here is asked of the server, which knows of roles within roles.

/// The session's role.
#[derive(Debug, Default)]
pub(super) struct Role {
    /// Its oid; 0 where it is not known.
    pub(super) oid: u32,
    pub(super) name: String,
    /// Rights and row security do not apply to it.
    pub(super) is_superuser: bool,
}

/// Who owns an object, and its list of rights where somebody was granted one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owned<'a> {
    pub(super) owner: u32,
    pub(super) rights: Option<&'a str>,
}

impl Role {
    /// It certainly may use the schema: as its owner, or because every role may.
    pub(super) fn may_use(&self, schema: Owned<'_>) -> bool {
        self.has(schema, 'U', &["", &self.name])
    }

    /// It certainly may read the table, as its owner.
    pub(super) fn may_read(&self, table: Owned<'_>) -> bool {
        self.is_superuser || (table.owner == self.oid && self.has(table, 'r', &[&self.name]))
    }

    /// One of the grantees has the right (`=U/owner` is that of every role), or the role owns the object and nothing was granted
    /// or revoked.
    fn has(&self, object: Owned<'_>, right: char, grantees: &[&str]) -> bool {
        if self.is_superuser {
            return true;
        }
        let Some(rights) = object.rights else { return object.owner == self.oid };
        let items = rights.trim_matches(['{', '}']).split(',');
        let mut granted =
            items.filter_map(|item| item.split_once('=')).filter(|(grantee, _)| grantees.contains(grantee));
        // A quoted name may contain anything that separates items.
        !rights.contains('"') && granted.any(|(_, of)| of.split('/').next().unwrap_or_default().contains(right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_lists_say_is_certain() {
        let role = Role { oid: 10, name: "app".into(), is_superuser: false };
        let of = |owner, rights| Owned { owner, rights };
        assert!(role.may_use(of(10, None)) && role.may_read(of(10, None)));
        assert!(!role.may_use(of(11, None)) && !role.may_read(of(11, None)));
        let public = Some("{pg_database_owner=UC/pg_database_owner,=U/pg_database_owner}");
        assert!(role.may_use(of(6171, public)));
        assert!(!role.may_use(of(6171, Some("{pg_database_owner=UC/pg_database_owner,=C/pg_database_owner}"))));
        assert!(role.may_read(of(10, Some("{app=arwdDxt/app,reader=r/app}"))));
        assert!(!role.may_read(of(10, Some("{reader=r/app}"))), "revoked from its owner");
        assert!(!role.may_read(of(10, Some("{app=aw/app}"))));
        assert!(!role.may_read(of(11, Some("{app=r/other}"))), "row security applies to who is not the owner");
        assert!(!role.may_read(of(10, Some("{\"x,app=r\"=w/app}"))));
        let superuser = Role { is_superuser: true, ..role };
        assert!(superuser.may_use(of(11, Some("{}"))));
    }
}
