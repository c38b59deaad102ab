-- One customer for each address: the oldest one keeps its bookings and takes those of the others.
UPDATE `Booking` b JOIN `Customer` c ON c.`id` = b.`customerId`
SET b.`customerId` = (SELECT MIN(o.`id`) FROM `Customer` o WHERE o.`email` = c.`email`);

DELETE c FROM `Customer` c JOIN `Customer` o ON o.`email` = c.`email` AND o.`id` < c.`id`;
