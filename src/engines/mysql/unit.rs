//! A script, or a piece of it, and its record.

use crate::engines::mysql::session::Session;
use crate::engines::session::{Failure, Unit};

impl Session {
    /// See [`crate::engines::session::Session::run_unit`].
    pub(crate) async fn run_one(&mut self, unit: &Unit<'_>) -> Result<(), Failure> {
        self.client.send(unit.sql.to_owned()).await.map(drop).map_err(Failure::without_effect)
    }
}
