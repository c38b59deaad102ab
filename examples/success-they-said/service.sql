-- The service's first query.
SELECT count(*) AS pears FROM pear;
