namespace admin {}
