#!/bin/sh
# The first query of the box office: a coupon for each customer, and what it is worth.
set -eu
login=${DATABASE_URL#mysql://}
account=${login%%@*} place=${login#*@}
address=${place%%/*} database=${place#*/}
client=$(command -v mariadb || command -v mysql)
MYSQL_PWD=${account#*:} exec "$client" --no-defaults -h "${address%:*}" -P "${address#*:}" -u "${account%%:*}" \
    --batch --skip-column-names "${database%%\?*}" <<'SQL'
INSERT IGNORE INTO `Coupon` (`code`, `percent`, `customerId`) SELECT CONCAT('SPRING-', `id`), 10, `id` FROM `Customer`;
SELECT CONCAT('box office: ', COUNT(*), ' customers, each with a coupon of ', MIN(`percent`), ' %') FROM `Coupon`;
SQL
