package web

// allRoutes lists the operations in the order of the OpenAPI document.
func (s *server) allRoutes() []*route {
	routes := []*route{s.postEventsRoute(), s.getEventsRoute()}
	routes = append(routes, s.customerRoutes()...)
	routes = append(routes, s.riskRoute())
	routes = append(routes, s.complaintRoutes()...)
	routes = append(routes, s.viewRoutes()...)
	routes = append(routes, s.reportRoutes()...)
	routes = append(routes, s.keyRoutes()...)
	routes = append(routes, s.policyRoutes()...)
	routes = append(routes, s.workRoutes()...)
	routes = append(routes, s.erasureRoutes()...)
	routes = append(routes, s.findRoutes()...)
	routes = append(routes, s.disclosureRoutes()...)
	routes = append(routes, s.rotationRoutes()...)
	routes = append(routes, s.proofRoutes()...)
	return append(routes, s.adminRoutes()...)
}
