-- The production database on the day after. The database makes it itself, on its first start.

-- CreateTable
CREATE TABLE `Customer` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `email` VARCHAR(191) NOT NULL,
    `createdAt` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),

    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- CreateTable
CREATE TABLE `Booking` (
    `id` INTEGER NOT NULL AUTO_INCREMENT,
    `seat` VARCHAR(8) NOT NULL,
    `customerId` INTEGER NOT NULL,
    `createdAt` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),

    PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- AddForeignKey
ALTER TABLE `Booking` ADD CONSTRAINT `Booking_customerId_fkey` FOREIGN KEY (`customerId`) REFERENCES `Customer`(`id`) ON DELETE RESTRICT ON UPDATE CASCADE;

INSERT INTO `Customer` (`id`, `email`) VALUES (1, 'ada@example.com'), (2, 'grace@example.com'), (3, 'ada@example.com');
INSERT INTO `Booking` (`seat`, `customerId`) VALUES ('A1', 1), ('A2', 2), ('B7', 3);

-- What `prisma migrate deploy` has done of 20250324100000_coupons before it failed.
ALTER TABLE `Customer` ADD COLUMN `locale` VARCHAR(5) NOT NULL DEFAULT 'en';

-- What it has recorded, and then `prisma migrate resolve --applied 20250324100000_coupons`.
CREATE TABLE `_prisma_migrations` (
    `id` VARCHAR(36) PRIMARY KEY NOT NULL,
    `checksum` VARCHAR(64) NOT NULL,
    `finished_at` DATETIME(3),
    `migration_name` VARCHAR(255) NOT NULL,
    `logs` TEXT,
    `rolled_back_at` DATETIME(3),
    `started_at` DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    `applied_steps_count` INTEGER UNSIGNED NOT NULL DEFAULT 0
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

INSERT INTO `_prisma_migrations`
    (`id`, `checksum`, `started_at`, `finished_at`, `migration_name`, `logs`, `rolled_back_at`, `applied_steps_count`)
VALUES
    ('0d1f7a52-7a4e-4c38-9b1c-2a4a3c8f5e01', '1301e680944743510e1d5dcea700f7764941da32b2f7d76f785a244436d2df38',
     '2025-03-10 09:12:40.118', '2025-03-10 09:12:40.295', '20250310090000_init', NULL, NULL, 1),
    ('4b8f2c1e-64f0-4d8b-8d3f-6a0b9e7c2d02', '554947bb10e1683ff4d6d9d574c497e4eb7ff6d5b9734169f6d04def0d58f706',
     '2025-03-24 10:31:07.402', NULL, '20250324100000_coupons',
     'A migration failed to apply. New migrations cannot be applied before the error is recovered from. Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve

Migration name: 20250324100000_coupons

Database error code: 1062

Database error:
Duplicate entry ''ada@example.com'' for key ''Customer.Customer_email_key''

Please check the query number 2 from the migration file.
', '2025-03-24 11:02:19.870', 0),
    ('9e3a6d70-1c55-47ab-a2e4-5f7d8b1c4a03', '554947bb10e1683ff4d6d9d574c497e4eb7ff6d5b9734169f6d04def0d58f706',
     '2025-03-24 11:02:19.874', '2025-03-24 11:02:19.874', '20250324100000_coupons', '', NULL, 0);
