SELECT id FROM shop.first WHERE id = 12;
