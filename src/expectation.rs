//! What the service was built for, as a catalog: so far, the Prisma schema.

use std::path::Path;

use crate::catalog::Catalog;
use crate::error::Error;
use crate::format::psl;

/// The catalog that a Prisma schema, file or folder, asks for; what it does not put into a schema goes to `home`.
///
/// # Errors
/// [`Error::Settings`] with file, line and column of everything that is wrong in it.
pub fn of_prisma(path: &Path, home: &str) -> Result<Catalog, Error> {
    let files = psl::read(path)?;
    match psl::parse(&files) {
        Ok(schema) => Ok(psl::lower(&schema, home)),
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
            Err(Error::Settings(format!("the Prisma schema cannot be read:{}", lines.concat())))
        }
    }
}
