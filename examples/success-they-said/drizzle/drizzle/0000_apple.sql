CREATE TABLE apple (id int);
